# The server: docker build --tag acrcast .
#   docker run --rm -v acrcast:/var/lib/acrcast acrcast acrcast audit migrate
#   docker run -p 8000:8000 -v acrcast:/var/lib/acrcast -e ACRCAST_BEHIND_AUTHENTICATING_PROXY=1 acrcast
# The first, once and at each new version, makes the audit's database and key in the volume; keep copies of both, apart.
# It refuses to listen beyond its own machine until there is an API key (acrcast keys create, run as the first) or an issuer
# of tokens, see docs/security.md; or until the operator says with that variable
# that something in front authenticates every request. A model of your own: -v MODEL:/model:ro -e ACRCAST_MODEL=/model.
ARG BASE_IMAGE=python:3.11.16-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${BASE_IMAGE} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements-build.lock requirements-service.lock ./
RUN python -m venv tools \
 && tools/bin/pip install --require-hashes -r requirements-build.lock \
 && python -m venv --without-pip /opt/acrcast \
 && tools/bin/pip --python /opt/acrcast/bin/python install --require-hashes -r requirements-service.lock
COPY LICENSE README.md pyproject.toml ./
COPY models models
COPY training training
COPY service service
RUN tools/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir dist . \
 && tools/bin/pip --python /opt/acrcast/bin/python install --no-index --no-deps dist/*.whl

# What no server needs: Arrow's headers, remote protocols and copies under other names; the languages that Pygments knows, of which
# rich colours none here; sources, stubs, maps and tests of packages; symbols for debuggers.
FROM builder AS pruned
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
RUN packages=$(echo /opt/acrcast/lib/python3*/site-packages) \
 && rm -rf "$packages"/pyarrow/include "$packages"/pyarrow/src "$packages"/pyarrow/libarrow_flight* "$packages"/pyarrow/_flight* \
      "$packages"/pyarrow/libarrow_python*.so "$packages"/pyarrow/libarrow_python*.so.*.*.* "$packages"/numpy/f2py \
 && find "$packages" -type d -name tests -prune -exec rm -rf {} + \
 && find "$packages"/pygments/lexers -type f ! -name '__init__*' ! -name '_mapping*' -delete \
 && find "$packages" -type f \( -name '*.map' -o -name '*.py[xi]' -o -name '*.px[di]' -o -name '*.h' \) -delete \
 && find "$packages"/pyarrow "$packages"/uvloop "$packages"/sqlalchemy "$packages"/cryptography -name '*.so*' \
      -exec strip --strip-unneeded {} +

# Training, and the MLflow server of the same version: docker build --target training --tag acrcast-training .
FROM builder AS builder-training
COPY requirements-training.lock ./
# --no-deps: the lock is complete, and leaves out the GPU libraries that xgboost names but a CPU never loads
RUN python -m venv --without-pip /opt/acrcast-training \
 && tools/bin/pip --python /opt/acrcast-training/bin/python install --no-deps --require-hashes -r requirements-training.lock \
 && tools/bin/pip --python /opt/acrcast-training/bin/python install --no-index --no-deps dist/*.whl

FROM ${BASE_IMAGE} AS training
COPY --from=builder-training /opt/acrcast-training /opt/acrcast-training
RUN useradd --system --no-create-home --uid 10002 acrcast \
 && install --directory --owner=acrcast --mode=0700 /work /var/lib/mlflow
WORKDIR /work
VOLUME ["/work", "/var/lib/mlflow"]
USER 10002
ENV PATH=/opt/acrcast-training/bin:$PATH PYTHONUNBUFFERED=1 HOME=/tmp
CMD ["acrcast", "--help"]

FROM ${BASE_IMAGE} AS server
COPY --from=pruned /opt/acrcast /opt/acrcast
RUN useradd --system --no-create-home --uid 10001 acrcast \
 && install --directory --owner=acrcast --mode=0700 /var/lib/acrcast
VOLUME /var/lib/acrcast
USER 10001
ENV PATH=/opt/acrcast/bin:$PATH PYTHONUNBUFFERED=1 ACRCAST_STATE=/var/lib/acrcast ACRCAST_HOST=0.0.0.0 ACRCAST_PORT=8000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"ACRCAST_PORT\"]}/health/live', timeout=2)"]
CMD ["acrcast", "serve"]
