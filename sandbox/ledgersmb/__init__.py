"""LedgerSMB 1.6.33, the legacy ERP of the sandbox: one database for each legal entity, reached by SQL alone."""
