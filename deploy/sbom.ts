// `node deploy/sbom.ts [root file system]`: what Weft is made of, as CycloneDX on standard output; with an image's root
// file system, also Node and the packages of the system that lie in it. The same input gives the same bytes.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

interface Component {
  readonly 'bom-ref': string
  readonly type: string
  readonly name: string
  readonly version: string
  readonly purl?: string
}

interface Bom {
  readonly serialNumber?: string
  readonly metadata: { readonly timestamp?: string; readonly component: Component }
  readonly components: readonly Component[]
}

const checkout = resolve(import.meta.dirname, '..')
const [root] = process.argv.slice(2)

function readPackages(): Bom {
  const text = execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev'], {
    cwd: checkout,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  return JSON.parse(text) as Bom
}

function component(type: string, name: string, version: string, purl: string): Component {
  return { 'bom-ref': purl, type, name, version, purl }
}

/** Of the system, as their records in the image say. */
function systemComponents(folder: string): Component[] {
  const records = join(folder, 'var/lib/dpkg/status.d')
  const names = readdirSync(records, { withFileTypes: true }).map(entry => entry.name)
  return names.toSorted().map(name => {
    const record = readFileSync(join(records, name), 'utf8')
    const version = /^Version: (.*)$/m.exec(record)?.[1] ?? ''
    return component(
      'library',
      name,
      version,
      `pkg:deb/debian/${name}@${encodeURIComponent(version)}`,
    )
  })
}

const { metadata, ...bom } = readPackages()
const version = process.versions.node
const components = [...bom.components]
if (root !== undefined)
  components.push(
    component('platform', 'node', version, `pkg:generic/node@${version}`),
    ...systemComponents(root),
  )
const timestamp = new Date(Number(process.env['SOURCE_DATE_EPOCH'] ?? 0) * 1000).toISOString()
const described = {
  ...bom,
  // npm names it for the folder of the checkout.
  metadata: { ...metadata, timestamp, component: { ...metadata.component, name: 'weft' } },
  components,
}
const hash = createHash('sha256')
  .update(JSON.stringify({ ...described, serialNumber: '' }))
  .digest('hex')
const uuid = [
  hash.slice(0, 8),
  hash.slice(8, 12),
  `8${hash.slice(13, 16)}`,
  `8${hash.slice(17, 20)}`,
  hash.slice(20, 32),
]
const text = JSON.stringify({ ...described, serialNumber: `urn:uuid:${uuid.join('-')}` }, null, 2)
process.stdout.write(`${text}\n`)
