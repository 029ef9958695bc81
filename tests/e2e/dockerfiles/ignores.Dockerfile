FROM base:1 AS runtime
COPY . /context/
RUN echo "TOLD context $(ls -A /context | tr '\n' ' ')"
