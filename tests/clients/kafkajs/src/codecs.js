// The three codecs that KafkaJS leaves to its users. gzip is built in.
//
// The well-known packages for lz4 and zstd are native addons that do not compile for Node 20, so those two are small
// adapters over a JavaScript and a WebAssembly implementation.
import { init as loadZstd, compress as zstdCompress, decompress as zstdDecompress } from '@bokuweb/zstd-wasm'
import kafkajs from 'kafkajs'
import snappy from 'kafkajs-snappy'
import lz4 from 'lz4js'

const { CompressionCodecs, CompressionTypes } = kafkajs

// lz4js writes frames of blocks up to 4 MB but does not declare the blocks independent, which Kafka insists on. A batch is
// one block, so it is independent; the flag is set, and with it the checksum of the only header that lz4js ever writes.
const FLAGS_AT = 4
const INDEPENDENT_BLOCKS = 0x20
const CHECKSUM_AT = 6
const CHECKSUM_OF_INDEPENDENT = 0x73

function lz4Frame(buffer) {
  const frame = Buffer.from(lz4.compress(buffer))
  frame[FLAGS_AT] |= INDEPENDENT_BLOCKS
  frame[CHECKSUM_AT] = CHECKSUM_OF_INDEPENDENT
  return frame
}

const lz4Codec = () => ({
  compress: async encoder => lz4Frame(encoder.buffer),
  decompress: async buffer => Buffer.from(lz4.decompress(buffer)),
})

const zstdCodec = () => ({
  compress: async encoder => Buffer.from(zstdCompress(encoder.buffer, 3)),
  decompress: async buffer => Buffer.from(zstdDecompress(buffer)),
})

export async function installCodecs() {
  await loadZstd()
  CompressionCodecs[CompressionTypes.Snappy] = snappy
  CompressionCodecs[CompressionTypes.LZ4] = lz4Codec
  CompressionCodecs[CompressionTypes.ZSTD] = zstdCodec
}
