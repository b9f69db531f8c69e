"""Every figure with its baseline in the same run; a ratio is believed, a time is not."""
