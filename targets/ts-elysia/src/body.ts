/**
 * Reads a request's body, or stops as soon as it is certain to exceed the limit.
 *
 * @returns its bytes, `undefined` when there are more than `maxBytes`
 */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array | undefined> {
  const declared = request.headers.get("content-length");
  if (declared === null) return readStream(request.body, maxBytes);
  return Number(declared) > maxBytes ? undefined : request.bytes();
}

/** Without a declared length (chunked) only counting tells. */
async function readStream(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.byteLength;
    if (length > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}
