import { cpSync } from 'node:fs'
import { join } from 'node:path'

/** Of the repository's docker-compose.yml. */
export const gatewayPort = 15_001

/** The repository's docker-compose.yml, and what it mounts, in a folder of the suite's own. @returns its path. */
export function copyShop(folder: string): string {
  for (const path of ['docker-compose.yml', 'config/compose.yaml', 'examples/shop'])
    cpSync(path, join(folder, path), { recursive: true })
  return join(folder, 'docker-compose.yml')
}
