"""The demonstration: a firm's events reach whichever real ERP owns them, through real Airflow, and the ERPs themselves are asked."""
