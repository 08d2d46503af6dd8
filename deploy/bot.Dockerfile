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
# The bot lives by its service: healthy means that it could ask a question now.
HEALTHCHECK --interval=15s --timeout=5s --start-period=15s CMD ["antiphon", "health"]
CMD ["antiphon", "bot"]
