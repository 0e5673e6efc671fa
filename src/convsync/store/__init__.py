"""What convsync remembers, in SQLite or PostgreSQL. SQLAlchemy stays in here.

One file per table or pair of tables; `database` opens it and commits, `dialect` holds the few
things the two databases do differently, `migrations` are run by `convsync db upgrade`.
"""
