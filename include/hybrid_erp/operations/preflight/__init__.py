"""What is asked before a region moves: one question a module."""
