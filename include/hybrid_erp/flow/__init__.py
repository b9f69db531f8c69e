"""The way of a posting, one step a module: intake, claim, deliver, settle."""
