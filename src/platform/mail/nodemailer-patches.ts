import type { Transform } from 'node:stream'
import type { Transporter } from 'nodemailer'

// Checked with nodemailer 10.6.0. The test in nodemailer-patches.test.ts fails when nodemailer no longer needs a patch.

/** What the pool uses of a stream. It sends a message again over another connection if nothing was read of it. */
type Content = { readableDidRead: boolean; pipe: (connection: Transform) => void }

/** The message as a plug-in of nodemailer receives it. */
type PluginMessage = {
  data: { raw?: unknown; onContent?: () => void }
  message: { createReadStream: () => Content }
}

/**
 * Symptom: nodemailer reads a finished message (`raw`) into memory before the server asks for it, and passes it through five
 * streams. The last of them looks at each byte for a dot that starts a line. No public report found.
 *
 * Here a message with `raw` and `onContent` is written at once. `onContent` is called when the server has asked for it. `raw`
 * must have CRLF as its line breaks, and no line that starts with a dot.
 */
export const writeContentAtOnce = (transport: Transporter): void => {
  const plugin = ({ data: { raw, onContent }, message }: PluginMessage, done: () => void): void => {
    if (onContent && Buffer.isBuffer(raw))
      message.createReadStream = () => {
        const content: Content = {
          readableDidRead: false,
          pipe: connection => {
            content.readableDidRead = true
            onContent()
            // What the stream writes to the server, and would otherwise compute.
            connection.push(Buffer.concat([raw, end]))
            connection.push(null)
          },
        }
        return content
      }
    done()
  }
  transport.use('stream', plugin as never)
}

const end = Buffer.from('.\r\n')
