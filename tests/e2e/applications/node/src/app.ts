import Fastify, { type FastifyInstance } from "fastify";
import { z } from "zod";

import { heading } from "./heading.js";

const conversion = z.object({
  from: z.enum(["celsius", "fahrenheit"]),
  degrees: z.coerce.number().min(-459.67),
});

export function convert({ from, degrees }: z.infer<typeof conversion>): number {
  const converted = from === "celsius" ? degrees * 1.8 + 32 : (degrees - 32) / 1.8;
  return Math.round(converted * 100) / 100;
}

export function build(options: { logger?: boolean } = {}): FastifyInstance {
  const app = Fastify({ logger: options.logger ?? false });

  app.get("/healthz", async () => ({ status: "ok" }));

  app.get("/", async (_request, reply) => {
    return reply.type("text/html; charset=utf-8").send(`<!doctype html><title>Degrees</title><h1>${heading}</h1>\n`);
  });

  app.get("/convert", async (request, reply) => {
    const parsed = conversion.safeParse(request.query);
    if (!parsed.success) {
      return reply.code(400).send({ error: z.prettifyError(parsed.error) });
    }
    return { degrees: convert(parsed.data) };
  });

  return app;
}
