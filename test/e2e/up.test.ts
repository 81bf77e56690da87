import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { Load } from '../support/load.ts'
import { call, eventually } from '../support/mesh.ts'
import { descendantsOf, runningOf, WeftProcess } from '../support/process.ts'
import { writeShop } from '../support/shop.ts'
import { testFolder } from '../support/test-folder.ts'

const storefront = { headers: { host: 'storefront' } }

async function startShop(t: Test) {
  const folder = testFolder(t)
  const shop = await writeShop(folder)
  const weft = new WeftProcess(shop.command, folder)
  t.teardown(() => weft[Symbol.asyncDispose]())
  await weft.line(/^Requests appear below/)
  // What registered last is pushed to the others a moment later.
  await eventually(
    () => Promise.all(Array.from({ length: 40 }, () => call(shop.outboundPort, storefront))),
    answers => answers.every(({ status }) => status === 200),
  )
  const edit = (change: (text: string) => string): void =>
    writeFileSync(shop.config, change(readFileSync(shop.config, 'utf8')))
  return { weft, shop, edit }
}

t.test('one command runs the shop, and Ctrl-C leaves no process', async t => {
  const { weft, shop } = await startShop(t)
  const [, port] = await weft.line(/^ {2}curl http:\/\/127\.0\.0\.1:(\d+)\/ -H 'Host: storefront'$/)
  t.equal(Number(port), shop.outboundPort, 'it says what to try')
  const answer = await call(shop.outboundPort, storefront)
  t.equal(answer.status, 200)
  t.match(JSON.parse(answer.body), {
    service: 'storefront',
    order: { service: 'orders', payment: { service: 'payments' } },
  })
  await weft.line(/storefront → orders GET \/orders\/7 200 .* via orders-v\d/)

  const children = descendantsOf(weft.pid)
  t.ok(children.length >= 9, `${children.length} processes`)
  weft.signal('SIGINT')
  t.same(await weft.exited, { code: 0, signal: null })
  t.same(runningOf(children), [])
})

t.test('a changed weight moves traffic and fails no request', async t => {
  const { shop, edit } = await startShop(t)
  const load = new Load({ port: shop.outboundPort, ...storefront })
  await load.more(100)
  t.match(load.outcomes.map(({ body }) => body).join(), /"version":"v1"/)
  edit(text => text.replace('weight: 90', 'weight: 0').replace('weight: 10', 'weight: 100'))
  const isV2 = ({ body }: { readonly body: string }): boolean => body.includes('"version":"v2"')
  // The last fifty answers can only all be of v2 by chance, at one in ten, if nothing has moved.
  await eventually(
    () => load.outcomes.slice(-50),
    latest => latest.length === 50 && latest.every(isV2),
  )
  await load.stop()
  t.same(load.failures, [])
})

t.test('a broken edit changes nothing and names field, file and line', async t => {
  const { weft, shop, edit } = await startShop(t)
  const load = new Load({ port: shop.outboundPort, ...storefront })
  await load.more(20)
  const text = readFileSync(shop.config, 'utf8')
  const line = text.slice(0, text.indexOf('selector:')).split('\n').length
  edit(good => good.replace('selector:', 'selectr:'))
  const { input } = await weft.line(/selectr/)
  t.match(input, new RegExp(`mesh\\.yaml:${line}:\\d+ spec\\.selectr: .*"selector"`))
  await load.more(50)
  await load.stop()
  t.same(load.failures, [])
})

t.test('a taken port is named, with the setting that moves it', async t => {
  const folder = testFolder(t)
  const shop = await writeShop(folder)
  const thief = createServer().listen(shop.controlPort, '127.0.0.1')
  await once(thief, 'listening')
  t.teardown(() => thief.close())
  const weft = new WeftProcess(shop.command, folder)
  t.teardown(() => weft[Symbol.asyncDispose]())
  t.equal((await weft.exited).code, 1)
  t.match(weft.output, `port ${shop.controlPort} (push port of the control plane) is taken`)
  t.match(weft.output, '--control-port')
})

t.test('a broken configuration ends the start with all problems', async t => {
  const folder = testFolder(t)
  const shop = await writeShop(folder)
  const good = readFileSync(shop.config, 'utf8')
  writeFileSync(shop.config, good.replace('selector:', 'selectr:').replace('port: 80', 'port: x'))
  const weft = new WeftProcess(shop.command, folder)
  t.teardown(() => weft[Symbol.asyncDispose]())
  t.equal((await weft.exited).code, 1)
  t.match(weft.output, 'selectr')
  t.match(weft.output, /mesh\.yaml:\d+:\d+ spec\.ports\[0\]\.port/)
})
