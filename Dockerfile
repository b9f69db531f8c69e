# An Airflow image with Hybrid ERP in it. It holds no secret: Airflow's keys and every Connection come from the deployment.
#   docker build --tag hybrid-erp:0.1.0 .
# The canonical API as a process of its own, from the same image: python -m hybrid_erp.wiring.cli api --host 0.0.0.0 (docs/callers.md)
FROM apache/airflow:3.3.2-python3.11

# Exactly the locked packages, each checked against its hash. The lock names Airflow itself, so that no package can move it.
COPY --chown=airflow:0 requirements.txt /opt/airflow/requirements.txt
RUN pip install --no-cache-dir --require-hashes --requirement /opt/airflow/requirements.txt

COPY --chown=airflow:0 include /opt/airflow/include
COPY --chown=airflow:0 plugins /opt/airflow/plugins
COPY --chown=airflow:0 dags /opt/airflow/dags
COPY --chown=airflow:0 config /opt/airflow/config

# A firm's own configuration is mounted over /opt/airflow/config, or copied there in an image of its own.
ENV PYTHONPATH=/opt/airflow/include \
    HYBRID_ERP_CONFIG=/opt/airflow/config \
    AIRFLOW__CORE__LOAD_EXAMPLES=False

# The base image's user; never root, also where a deployment names no user.
USER airflow

# A broken image is not built: the configuration is in order, the package is imported, each DAG file is parsed, nothing of it is kept.
RUN export AIRFLOW_HOME="$(mktemp -d)" \
    && python -m hybrid_erp.wiring.cli check \
    && python -c "import hybrid_erp.wiring.plugin, hybrid_erp.wiring.tasks, hybrid_erp.wiring.connectors" \
    && python -c "import runpy, sys; [runpy.run_path(file) for file in sys.argv[1:]]" /opt/airflow/dags/*.py \
    && rm -rf "$AIRFLOW_HOME"
