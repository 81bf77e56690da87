import { readConfiguration } from './read-configuration.ts'

/** `weft validate`: throws all problems, or counts what is there. */
export async function validate(path: string): Promise<number> {
  const { services, httpRoutes, grpcRoutes, workloads } = await readConfiguration(path)
  const counts = [
    `services: ${services.length}`,
    `routes: ${httpRoutes.length + grpcRoutes.length}`,
    `workloads: ${workloads.length}`,
  ]
  console.log(`${path} is valid (${counts.join(', ')})`)
  return 0
}
