import type { Brand } from '../config/brand.ts'
import { openTemplates, type Templates } from './templates.ts'

/** The brand and the templates of emails and pages. */
export type Theme = { readonly brand: Brand; readonly templates: Templates }

/** The part of the configuration that a theme is opened from. */
export type ThemeConfig = { readonly brand: Brand; readonly TEMPLATES_DIR: string | undefined }

export const openTheme = (config: ThemeConfig): Theme => ({
  brand: config.brand,
  templates: openTemplates(config.TEMPLATES_DIR),
})
