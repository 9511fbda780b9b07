"""What is measured of answers: scores, truthfulness, claims, and intervals over questions."""
