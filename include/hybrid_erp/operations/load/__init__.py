"""The load: bring a region's cloud ERP level with its legacy ERP, of one snapshot, by documents of its own (ACCOUNTING C17 to C19)."""
