"""The nights of many companies on Apache Airflow 3, from a folder of configurations.

A DAG file is two lines, and `docs/airflow.md` says the rest:

    from convsync.airflow.dags import make_dags

    make_dags("/etc/convsync/companies")

Airflow schedules, keeps apart what shares a quota, tries again and asks people. Every task is a
`convsync` command in a process of its own: it can be killed at any moment as every run can, gives
its memory back, and may live in another environment than Airflow's. Only `dags` and `operators`
import Airflow; what a schedule, a pool or an exit code means is decided in the modules beside them.
"""
