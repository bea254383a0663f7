"""Tables; one stage each."""
