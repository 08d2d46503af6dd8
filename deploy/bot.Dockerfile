# The Discord bot. Build from the top of the repository:
#   docker build -f deploy/bot.Dockerfile -t antiphon-bot .
FROM python:3.12.11-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN deploy/install.sh bot /opt/antiphon && mkdir /data

FROM python:3.12.11-slim-bookworm
# The interpreter's own pip would only be something to attack.
RUN pip uninstall --yes --root-user-action ignore pip && \
    useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin antiphon
COPY --from=build /opt/antiphon /opt/antiphon
COPY --from=build --chown=10001 /data /data
ENV PATH=/opt/antiphon/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM
# Healthy means that Discord's gateway hears it and is heard.
ENV ANTIPHON__BOT__METRICS_PORT=50553
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["antiphon", "health", "--bot"]
CMD ["antiphon", "bot"]
