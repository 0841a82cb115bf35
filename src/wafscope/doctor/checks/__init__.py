"""What the doctor looks for, one file for each part of the body: each function gives the diagnoses of one case."""
