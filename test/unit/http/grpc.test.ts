import fc from 'fast-check'
import t from 'tap'
import {
  appendGrpcStatus,
  formatGrpcTimeout,
  grpcStatusOf,
  grpcStatusOfHttp,
  httpStatusOfGrpc,
  isGrpc,
  parseGrpcTimeout,
} from '../../../src/http/grpc.ts'
import { HeaderList } from '../../../src/http/headers.ts'

t.test('gRPC is told by its content type, gRPC-Web is not gRPC', async t => {
  const types = {
    'application/grpc': true,
    'application/grpc+proto': true,
    'application/grpc;charset=utf-8': true,
    'application/grpc-web': false,
    'application/grpcx': false,
    'application/json': false,
  }
  for (const [type, expected] of Object.entries(types))
    t.equal(isGrpc(HeaderList.of({ 'content-type': type })), expected, type)
  t.notOk(isGrpc(new HeaderList()))
})

t.test('a timeout is up to eight digits and a unit', async t => {
  t.equal(parseGrpcTimeout('100m'), 100)
  t.equal(parseGrpcTimeout('2S'), 2000)
  t.equal(parseGrpcTimeout('1M'), 60_000)
  t.equal(parseGrpcTimeout('1H'), 3_600_000)
  t.equal(parseGrpcTimeout('1500u'), 1.5)
  t.equal(parseGrpcTimeout('500000n'), 0.5)
  for (const none of [undefined, '', '1', 'm', '-1m', '1.5S', '123456789m', '1s', ' 1m', '1m '])
    t.equal(parseGrpcTimeout(none), undefined, String(none))
})

t.test('what is left is written so that it is never more, and never nothing', async t => {
  t.equal(formatGrpcTimeout(99.9), '99m')
  t.equal(formatGrpcTimeout(0), '1m')
  t.equal(formatGrpcTimeout(-5), '1m')
  t.equal(formatGrpcTimeout(200_000_000), '200000S')
  fc.assert(
    fc.property(fc.double({ min: 1, max: 1e14, noNaN: true }), ms => {
      const written = parseGrpcTimeout(formatGrpcTimeout(ms))
      return written !== undefined && written <= ms
    }),
  )
})

t.test('a status is read from trailers, and nothing else is taken for one', async t => {
  t.equal(grpcStatusOf(HeaderList.of({ 'grpc-status': '14' })), 14)
  for (const value of ['', 'ok', '-1', '1e3', '1 '])
    t.equal(grpcStatusOf(HeaderList.of({ 'grpc-status': value })), undefined, value)
  t.equal(grpcStatusOf(undefined), undefined)
})

t.test('a message is percent-encoded, so that no field breaks', async t => {
  const fields = new HeaderList()
  appendGrpcStatus(fields, 14, '100 %\r\nü')
  t.equal(fields.get('grpc-status'), '14')
  t.equal(fields.get('grpc-message'), '100 %25%0D%0A%C3%BC')
})

t.test('statuses of HTTP and gRPC stand for each other', async t => {
  t.equal(grpcStatusOfHttp(503), 14)
  t.equal(grpcStatusOfHttp(404), 12)
  t.equal(grpcStatusOfHttp(418), 2)
  t.equal(httpStatusOfGrpc(0), 200)
  t.equal(httpStatusOfGrpc(14), 503)
  t.equal(httpStatusOfGrpc(12), 404, 'an unknown method is no failure of the server')
  t.equal(httpStatusOfGrpc(99), 500)
})
