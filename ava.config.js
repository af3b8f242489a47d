import { compareTestFiles } from './test/file-order.ts'

export default {
  extensions: ['ts'],
  files: ['test/**/*.test.ts'],
  require: ['./test/file-times.ts'],
  sortTestFiles: compareTestFiles,
}
