import { HeaderList } from '../../src/http/headers.ts'
import type { RequestHead, ResponseHead } from '../../src/http/message.ts'

/** A GET for `/` of `orders`, with what the test changes. */
export function requestHead(changes: Partial<RequestHead> = {}): RequestHead {
  return {
    method: 'GET',
    scheme: 'http',
    authority: 'orders',
    path: '/',
    headers: new HeaderList(),
    version: '1.1',
    bodyLength: 0,
    upgrade: undefined,
    expectContinue: false,
    acceptsTrailers: false,
    ...changes,
  }
}

/** An answer without a body, and what the test changes. */
export function responseHead(status: number, changes: Partial<ResponseHead> = {}): ResponseHead {
  return {
    status,
    reason: '',
    headers: new HeaderList(),
    version: '1.1',
    bodyLength: 0,
    ...changes,
  }
}
