"""How far sources agree, and the blind studies by people that tell."""
