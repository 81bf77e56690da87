import { sidecarPorts } from '../../../model/bootstrap.ts'
import { z } from 'zod'

/** Whoever can write to the engine's socket, or to the whole disk, is root on the host: no function's container may. */
const forbiddenSource =
  /^\/+(?:var\/*|(?:var\/+)?run\/*)?:|\/\.{1,2}[/:]|(?:docker|containerd)\.sock/

const bind = z
  .string()
  .regex(/^\/[^:]*:\/[^:]+(?::(?:ro|rw))?$/, 'must be /on-host:/in-container or with :ro')
  .refine(
    text => !forbiddenSource.test(text),
    'neither / nor the socket of an engine can be shared',
  )

const container = {
  command: z.array(z.string()).optional().describe('Instead of what the image says.'),
  entrypoint: z.array(z.string()).optional().describe('Instead of what the image says.'),
  environment: z.record(z.string(), z.string()).default({}),
  user: z
    .string()
    .regex(/^\d{1,6}(?::\d{1,6})?$/, 'must be uid or uid:gid, in numbers')
    .optional(),
  binds: z.array(bind).max(32).default([]),
}

const sidecar = z.strictObject({
  ...container,
  image: z.string().min(1).describe('Image of Weft; with `weft proxy` as its program by default.'),
  network: z
    .string()
    .regex(/^(?!container:)[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/)
    .default('bridge')
    .describe('Name of a network, bridge, host or none.'),
  memory: z.int().min(32).max(65_536).default(256).describe('In MiB.'),
  bootstrap: z
    .strictObject({
      inboundPort: z.int().min(0).max(65_535).default(sidecarPorts.inbound),
      outboundPort: z.int().min(0).max(65_535).default(sidecarPorts.outbound),
      adminPort: z.int().min(0).max(65_535).default(sidecarPorts.admin),
      advertise: z
        .string()
        .min(1)
        .optional()
        .describe(
          'Address of the container. Default: its name, which a network of your own resolves.',
        ),
    })
    .prefault({}),
})

/** The code; its image is the function's. */
const runtime = z.strictObject(container)

export const dockerSettings = z.strictObject({
  socket: z.string().min(1).default('/var/run/docker.sock'),
  controlPlane: z
    .strictObject({ host: z.string().min(1), port: z.int().min(1).max(65_535) })
    .describe('Where containers reach the push port of this control plane.'),
  sidecar,
  runtime: runtime.prefault({}),
  instancesPerHost: z.int().min(1).max(1000).default(1),
  stopTimeout: z.int().min(1).max(600).default(30).describe('Seconds to finish what is under way.'),
})

/** The template that all containers are made from: nothing of it comes from a message of a sidecar. */
export type DockerSettings = z.output<typeof dockerSettings>
