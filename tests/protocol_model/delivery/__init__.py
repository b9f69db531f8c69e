"""The way of a posting, from claim to receipt, while ownership moves under it."""
