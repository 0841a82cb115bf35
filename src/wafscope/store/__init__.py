"""Where events rest, and the one seam through which they are written and asked about."""
