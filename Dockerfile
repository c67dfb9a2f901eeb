# One image for every process: the command chooses (api, worker, db migrate).
FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    HEADWATER_DATA=/data

RUN useradd --system --uid 10001 --home-dir /app headwater && install -d -o headwater /data

WORKDIR /app
COPY requirements-run.lock ./
RUN pip install --require-hashes -r requirements-run.lock

COPY headwater.py ./
COPY contracts contracts
COPY db db
COPY worker worker
COPY api api
COPY front front
# The entry point by hand: building the package would fetch a build backend that no lock knows.
RUN printf '#!/usr/local/bin/python\nimport sys\nsys.path.insert(0, "/app")\nfrom headwater import main\nmain()\n' \
        > /usr/local/bin/headwater \
    && chmod 755 /usr/local/bin/headwater \
    && python -m compileall -q /app

USER headwater
VOLUME /data
EXPOSE 5050
CMD ["headwater", "api"]
