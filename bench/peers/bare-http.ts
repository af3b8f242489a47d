import { createServer } from 'node:http'

// The lowest cost of an answer: `node:http` without a framework.

const body = JSON.stringify({ id: '018f0000-0000-7000-8000-000000000000' })
const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }

createServer((_request, response) => void response.writeHead(200, headers).end(body)).listen(
  Number(process.env.PORT),
  '127.0.0.1',
)
