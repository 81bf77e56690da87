import t from 'tap'
import { invoke, startFunctionMesh } from '../support/functions/mesh.ts'
import { call, eventually } from '../support/mesh.ts'

const environmentOf = { action: 'environment', name: 'RELEASE' }

const versions = `
  environment: { RELEASE: newest }
  versions:
    - { name: '1', environment: { RELEASE: first } }
    - { name: '2', environment: { RELEASE: second }, timeout: 9s }
  aliases:
    - name: live
      backends: [{ version: '1', weight: 3 }, { version: '2', weight: 1 }]
    - name: next
      backends: [{ version: $LATEST }, { version: '1', weight: 0 }]
`

t.test('versions and aliases of a function', async t => {
  const mesh = await startFunctionMesh(t, versions)
  const { outbound } = mesh.caller.ports
  const release = async (name: string) => {
    const { status, body, headers } = await invoke(outbound, name, { event: environmentOf })
    t.equal(status, 200)
    return { release: JSON.parse(body) as string, version: headers['x-amz-executed-version'] }
  }

  await t.test('each is called by its qualifier, and says which version ran', async t => {
    t.same(await release('echo'), { release: 'newest', version: '$LATEST' })
    t.same(await release('echo:$LATEST'), { release: 'newest', version: '$LATEST' })
    t.same(await release('echo:1'), { release: 'first', version: '1' })
    t.same(await release('echo:next'), { release: 'newest', version: '$LATEST' })
    const arn = 'arn:aws:lambda:local:000000000000:function:echo:2'
    t.same(await release(arn), { release: 'second', version: '2' })
  })

  await t.test('by HTTP the qualifier is part of the name', async t => {
    const answer = await call(outbound, {
      method: 'POST',
      body: JSON.stringify(environmentOf),
      headers: { host: 'echo--1.fn.mesh', 'content-type': 'application/json' },
    })
    t.equal(answer.body, 'first')
  })

  await t.test('an alias shares its calls among versions by weight', async t => {
    const counts = new Map<unknown, number>()
    for (let i = 0; i < 80; i++) {
      const { version } = await release('echo:live')
      counts.set(version, (counts.get(version) ?? 0) + 1)
    }
    t.same(new Set(counts.keys()), new Set(['1', '2']))
    // Binomial with 80 draws of 0.75: outside of this once in ten thousand runs.
    t.ok((counts.get('1') ?? 0) > 43 && (counts.get('1') ?? 0) < 76, JSON.stringify([...counts]))
  })

  await t.test('what is no version is not found', async t => {
    const { status, body } = await invoke(outbound, 'echo:3', { event: {} })
    t.equal(status, 404)
    t.match(JSON.parse(body), { Message: /echo:3$/ })
  })

  await t.test('a version that is taken away is no longer found, the others run on', async t => {
    mesh.configure(versions.replace(/.*name: '2'.*\n/, '').replace(/, \{ version: '2'.*\}/, ''))
    const status = await eventually(
      async () => (await invoke(outbound, 'echo:2', { event: environmentOf })).status,
      answered => answered === 404,
    )
    t.equal(status, 404)
    t.same(await release('echo:live'), { release: 'first', version: '1' })
  })
})
