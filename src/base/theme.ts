import type { Brand } from './brand.ts'
import { openTemplates, type Templates } from './templates.ts'

/** What emails and pages are made of. */
export type Theme = { readonly brand: Brand; readonly templates: Templates }

/** The part of the configuration that emails and pages are made from. */
export type ThemeConfig = { readonly brand: Brand; readonly TEMPLATES_DIR: string | undefined }

export const openTheme = (config: ThemeConfig): Theme => ({
  brand: config.brand,
  templates: openTemplates(config.TEMPLATES_DIR),
})
