"""Programs that Tryton's own interpreter runs: they import trytond and nothing of ours, and read their orders from standard input."""
