# One image for every role; the command chooses which. See docs/adr/0009-compose-not-run.md.
FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build

# Every file is checked against the lock's hashes here; whatever is installed below comes from these files.
COPY requirements.lock ./
RUN pip wheel --require-hashes --no-deps --wheel-dir wheels -r requirements.lock
ENV PIP_NO_INDEX=1 PIP_FIND_LINKS=/build/wheels

RUN python -m venv tools && tools/bin/pip install hatchling
COPY pyproject.toml LICENSE README.md CHANGELOG.md ./
COPY domain domain
COPY application application
COPY adapters adapters
COPY entrypoints entrypoints
RUN tools/bin/python -m hatchling build --target wheel

# What is shipped: the project and what it needs at run time, without the test tools.
RUN python -m venv /opt/evenkeel && /opt/evenkeel/bin/pip install dist/evenkeel-*.whl


FROM python:3.11-slim
# pg_dump and pg_restore for `evenkeel backup`, of the server in docker-compose.yml: older ones cannot read it.
ARG POSTGRES_MAJOR=18
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates postgresql-common \
    && /usr/share/postgresql-common/pgdg/apt.*.sh -y \
    && apt-get install --yes --no-install-recommends "postgresql-client-$POSTGRES_MAJOR" \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/evenkeel --create-home evenkeel
COPY --from=build /opt/evenkeel /opt/evenkeel
ENV PATH=/opt/evenkeel/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER evenkeel
WORKDIR /var/lib/evenkeel
ENTRYPOINT ["evenkeel"]
CMD ["serve"]
