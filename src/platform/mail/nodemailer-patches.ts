import type { Writable } from 'node:stream'
import type { Transporter } from 'nodemailer'

// Checked with nodemailer 10.6.0. The test in nodemailer-patches.test.ts fails when nodemailer no longer needs a patch.

/** What the pool uses of a stream. It sends a message again over another connection if nothing was read of it. */
type Content = { readableDidRead: boolean; pipe: (connection: Writable) => void }

/** The message as a plug-in of nodemailer receives it. */
type PluginMessage = {
  data: { raw?: unknown; onContent?: () => void }
  message: { createReadStream: () => Content }
}

/**
 * Symptom: nodemailer reads a finished message (`raw`) into memory before the server asks for it, and passes it through four
 * streams. Node creates an exception for each of them that ends. No public report found.
 *
 * Here a message with `raw` and `onContent` is written at once. `onContent` is called when the server has asked for it.
 */
export const writeContentAtOnce = (transport: Transporter): void => {
  const plugin = ({ data: { raw, onContent }, message }: PluginMessage, done: () => void): void => {
    if (onContent)
      message.createReadStream = () => {
        const content: Content = {
          readableDidRead: false,
          pipe: connection => {
            content.readableDidRead = true
            onContent()
            connection.end(raw)
          },
        }
        return content
      }
    done()
  }
  transport.use('stream', plugin as never)
}
