"""Microsoft Advertising: offline conversions and their adjustments, over REST."""
