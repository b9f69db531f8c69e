"""What makes the product run on one machine: an embedded PostgreSQL, the two real ERPs, Airflow, and faults to order."""
