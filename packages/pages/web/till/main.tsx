import { render } from 'preact';
import '../kit/kit.css';

render(<h1>Till</h1>, document.getElementById('page')!);
