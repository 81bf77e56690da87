import { readConfiguration } from './read-configuration.ts'

/** `weft validate`: throws all problems, or counts what is there. */
export async function validate(path: string): Promise<number> {
  const { services, httpRoutes, workloads } = await readConfiguration(path)
  const counts = [
    `${services.length} services`,
    `${httpRoutes.length} routes`,
    `${workloads.length} workloads`,
  ]
  console.log(`${path} is valid: ${counts.join(', ')}`)
  return 0
}
