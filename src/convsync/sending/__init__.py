"""What `outbox` needs: calls within a platform's quota, and what its answers change."""
