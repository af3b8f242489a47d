/** The only script of the pages. It adds the checkbox "Show password", which works only with JavaScript. */
export const showPasswordScript = `
const field = document.getElementById('new_password')
const box = document.getElementById('show')
const update = () => { field.type = box.checked ? 'text' : 'password' }
box.closest('p').hidden = false
box.addEventListener('change', update)
field.form.addEventListener('submit', () => { field.type = 'password' })
update()
`
