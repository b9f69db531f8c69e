"""The sandbox's cloud ERP: Tryton, in a virtual environment of its own, one database per legal entity, served over HTTP."""
