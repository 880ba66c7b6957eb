import { render } from 'preact';
import '../kit/kit.css';

render(<h1>Head office</h1>, document.getElementById('page')!);
