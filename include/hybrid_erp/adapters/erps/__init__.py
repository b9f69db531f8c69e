"""One dialect of an ERP each, behind the port `ErpConnector`."""
