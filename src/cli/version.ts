import { readFileSync } from 'node:fs'

interface PackageDescription {
  readonly version: string
}

const file = new URL('../../package.json', import.meta.url)

/** Of this software, as its package says. */
export const { version } = JSON.parse(readFileSync(file, 'utf8')) as PackageDescription
