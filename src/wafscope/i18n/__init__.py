"""Every text a person sees, in English (the source) and Japanese."""
