"""The nouns: documents, postings, ownership, bookings, money, errors. Knows nothing of databases, networks or Airflow."""
