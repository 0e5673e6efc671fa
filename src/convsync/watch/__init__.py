"""What watches the nights: findings, alerts, metrics, and when the next night is due."""
