"""What fills the ports: our store, the ERPs, the upstream systems."""
