FROM base:1
COPY . /context/
RUN echo "TOLD context $(ls -A /context | tr '\n' ' ')"
